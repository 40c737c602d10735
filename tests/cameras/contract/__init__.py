"""The rules that every camera driver keeps, tested with each of them."""
