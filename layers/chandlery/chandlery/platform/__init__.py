"""The ground: settings, errors, the database's connection, statements and schema, and how a component runs."""
