"""The prepare container: takes the fence, fetches sources, writes the instruction and the go-file."""
