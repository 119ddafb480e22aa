"""From the records of a study to an analysis and one offline page."""
