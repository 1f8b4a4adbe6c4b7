"""Where answers come from: OpenAI-like upstreams, local vLLM, the simulator."""
