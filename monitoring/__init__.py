"""What a stream of drafts says: drift in images, findings, attention and words; quality, operations, alerts."""
