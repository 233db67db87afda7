"""What the API answers with: frozen dataclasses. Prices and sizes are exact decimals, times are aware."""
