"""The recorder in other trainers' loops. Each module needs the optional dependency that it is named after."""
