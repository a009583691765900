"""The contestants, one module for each library: name → where its class is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A contestant: what the tables call it, and what its process needs.

    Args:
        title: As the tables say.
        module: Below `bench.peers`.
        needs: The distributions that must be installed; the library itself is the first.
        environment: Of its process.
    """

    title: str
    module: str
    needs: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


_CPU = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

PEERS = {
    "fastmlp": Entry("fastmlp", "fastmlp", ()),
    "numpy": Entry("NumPy", "numpy", ("numpy",)),
    "sklearn": Entry("scikit-learn", "sklearn", ("scikit-learn",)),
    "torch": Entry("PyTorch", "torch", ("torch",)),
    "torch-compile": Entry("PyTorch compiled", "torch_compile", ("torch",)),
    "jax-step": Entry("JAX, jitted step", "jax_step", ("jax",), _CPU),
    "jax-scan": Entry("JAX, epoch in scan", "jax_scan", ("jax",), _CPU),
    "keras-jax": Entry("Keras on JAX", "keras", ("keras", "jax"), {**_CPU, "KERAS_BACKEND": "jax"}),
    "keras-torch": Entry(
        "Keras on PyTorch", "keras", ("keras", "torch"), {**_CPU, "KERAS_BACKEND": "torch"}
    ),
    "keras-tensorflow": Entry(
        "Keras on TensorFlow",
        "keras",
        ("keras", "tensorflow-cpu"),
        {**_CPU, "KERAS_BACKEND": "tensorflow"},
    ),
    "onnxruntime": Entry("onnxruntime", "onnxruntime", ("onnxruntime", "onnx")),
}

# With `--isa avx2`: every library limited to the same instructions.
AVX2 = {
    "FASTMLP_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}
