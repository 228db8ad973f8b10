"""From DICOM files to a folder a study: what `radassist infer` does."""
