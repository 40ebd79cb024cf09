"""What makes parts of the documentation: pictures of the portal, the data dictionary."""
