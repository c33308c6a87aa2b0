"""Models in other programs' formats: ONNX."""

from .onnx_file import export_model, export_onnx

__all__ = ["export_model", "export_onnx"]
