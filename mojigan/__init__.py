"""The command `mojigan`: all doors of the house under one name, each of them imported when it is asked for."""
