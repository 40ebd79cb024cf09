"""Reports as files that people open elsewhere: CSV, Excel, Parquet."""

from tiktok_pipeline.exporting.export import FORMATS, Wanted, export_report, reports

__all__ = ["FORMATS", "Wanted", "export_report", "reports"]
