"""Write the catalogue that migrations make into sql/migrations, from the database that commands use."""

from chandlery.platform import catalogue
from local.command_line.database import open_connection

if __name__ == "__main__":
    with open_connection() as connection:
        catalogue.EXPECTED.write_text(catalogue.written(catalogue.find(connection)))
