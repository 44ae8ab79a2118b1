"""The store as the demo sees it: sources go up, outputs are read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping


class Objects:
    """An S3 bucket, with one identity's ``AWS_*`` variables."""

    def __init__(self, output_url: str, environment: Mapping[str, str]) -> None:
        self.bucket = urlsplit(output_url).netloc
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
            config=Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
        )

    def upload_source(self, name: str, content: bytes) -> str:
        """Puts a job's source beside the outputs; answers its URI."""
        self.client.put_object(Bucket=self.bucket, Key=f"sources/{name}", Body=content)
        return f"s3://{self.bucket}/sources/{name}"

    def key_of(self, ref: str) -> str:
        """The key of an ``s3://`` URL in this bucket."""
        return urlsplit(ref).path.removeprefix("/")

    def body(self, ref: str) -> bytes | None:
        """The bytes of the object that ``ref`` names; None where there is none."""
        try:
            body: bytes = self.client.get_object(Bucket=self.bucket, Key=self.key_of(ref))["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return body
