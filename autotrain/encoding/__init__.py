"""How rows become tokens. Training and the page's picture of the first batch use the same functions."""
