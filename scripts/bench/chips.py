"""What a GPU can do at most in bfloat16, dense, as its maker's data sheet says.

The sheets print the figure with sparsity, which is twice as high.
"""

# NVIDIA's data sheets: H100, H200 and A100 Tensor Core GPU. The first that a device's
# name contains counts.
_TFLOPS = (
    ("H200 NVL", 835.5),
    ("H200", 989.5),
    ("H100 PCIe", 756.0),
    ("H100 NVL", 835.5),
    ("H100", 989.5),
    ("A100", 312.0),
)


def peak_flops(device: str) -> float | None:
    """FLOP/s of the device that torch calls so; None: not in the table."""
    found = (tflops for name, tflops in _TFLOPS if name in device)
    tflops = next(found, None)
    return None if tflops is None else tflops * 1e12
