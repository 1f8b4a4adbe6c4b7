"""How one request is answered: candidates, choice, attempts, records; without HTTP."""
