"""The object store: one S3 client and one file client; reading and writing are separate modules."""
