"""What is in a training set: pure tallies over its studies (`lengths`, `observations`, `terms`, `vocabulary`, `groups`,
`regions`), gathered by `survey`, drawn by `figures` and set as one page by `page`. Stage `explore` stands around them.
"""
