"""The parts of import_spec.py and generate.py; each module starts by saying what it does."""
