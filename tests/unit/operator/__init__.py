"""Pure parts of the operator: inputs are values, outputs are compared whole; nothing is mocked."""
