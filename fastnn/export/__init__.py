"""Models in other programs' formats: ONNX."""

from .archive import ExportArchive
from .onnx_file import export_model, export_onnx

__all__ = ["ExportArchive", "export_model", "export_onnx"]
