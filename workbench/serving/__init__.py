"""What stands between strangers' requests and the page: an ASGI gate, ownership of files, rates, checks of what is sent."""
