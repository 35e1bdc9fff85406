"""The report on a change of models: tested, trained on a sample, compared with what serves."""
