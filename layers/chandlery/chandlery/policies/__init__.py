"""What is kept for how long and in what form: policies wanted, found, applied, and carried out."""
