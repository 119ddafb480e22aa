"""Small pure statistics: arrays in, a named frozen result out."""
