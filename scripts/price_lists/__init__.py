"""The public price lists that scripts/catalogue.py reads."""
