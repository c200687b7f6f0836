"""How far people can be trusted with what others lend them, and who may know."""
