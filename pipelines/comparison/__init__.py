"""Two models on the same studies: which runs are meant, the differences of their figures, the studies that changed."""
