"""The sandbox's rules, asked without being put on."""
