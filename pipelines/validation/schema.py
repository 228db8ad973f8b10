"""The tables that expectations speak of: their columns, and the pandas type of each.

A row of `studies` or `patients` is a patient's: of these no value is ever shown. The rows of the other tables are named
by their first column.
"""

STUDIES: dict[str, str] = {
    "study_id": "string",
    "patient_id": "string",
    "split": "string",
    "modality": "string",
    "view": "string",  # of the image that is used
    "age": "Int32",  # years
    "sex": "string",
    "race_ethnicity": "string",
    "site": "string",
    "device": "string",
    "width": "Int32",  # px
    "height": "Int32",
    "patients_of_picture": "Int32",  # how many patients the same picture is said to be of; null without image
    "splits_of_picture": "Int32",
    "missing_members": "Int32",  # images and masks that the manifest names and the shard does not hold
    "regions": "Int32",  # sentences with a mask or boxes
    "regions_outside": "Int32",  # of these, with a box that leaves the image or a mask of another size; null without
    "report_words": "Int32",  # of findings and impression
    "findings_words": "Int32",
    "impression_words": "Int32",
    "labels": "Int32",  # observations that the given labels mention; null where the study has no labels
    "contradictions": "Int32",  # findings that are positive beside a positive No Finding
}

PATIENTS: dict[str, str] = {"splits": "Int32"}

COLUMNS: dict[str, str] = {
    "column": "string",  # of the manifest
    "found": "string",  # "as declared", "missing", "unknown", or the type that stands there
}

SPLITS: dict[str, str] = {
    "split": "string",
    "studies": "Int32",
    "patients": "Int32",
    "strangers": "Int32",  # of the test split: patients that the frozen test set does not name; null for the others
    "report_share": "Float64",  # studies with a report
    "region_share": "Float64",  # studies with a region
}

OBSERVATIONS: dict[str, str] = {
    "observation": "string",
    "positives": "Int32",  # studies whose given label is 1
    "share": "Float64",  # of the studies that have labels
    "last_share": "Float64",  # in the version before; null where there is none
    "effect": "Float64",  # Cohen's h of the change, 0 where it may be chance
    "read_positives": "Int32",  # studies that have labels, in whose report the labeler reads it
    "agreement": "Float64",  # Cohen's kappa between the labels and the labeler's reading
}

WHOLE: dict[str, str] = {
    "set": "string",
    "quarantined_share": "Float64",  # studies kept out by the ingest, of those and the ones let in
    "agreement": "Float64",  # Cohen's kappa over all observations
    "agreement_at_most": "Float64",  # the upper end of its interval
}

TABLES: dict[str, dict[str, str]] = {
    "columns": COLUMNS,
    "studies": STUDIES,
    "patients": PATIENTS,
    "splits": SPLITS,
    "observations": OBSERVATIONS,
    "whole": WHOLE,
}

PATIENTS_OWN = frozenset({"studies", "patients"})
