"""The recorder in other trainers. Each module needs the library that it is named after."""
