"""Training judges from (Item, Judgment) rows, and the judge that ships."""
