"""Making training data: the procedural video world, seeds, the generator-evaluator loop, datasets, audit."""
