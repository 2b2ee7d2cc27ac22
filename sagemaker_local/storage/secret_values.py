"""moto's secrets as documents, and back. A version keeps its id, its stages and its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

from sagemaker_local.storage.folder import Name, reading

if TYPE_CHECKING:
    from sagemaker_local.storage.folder import DataFolder, Document

SECRET = "secret"
KINDS = (SECRET,)

# Members of a secret and of a version, and where moto has them.
ATTRIBUTES = {
    "ARN": "arn",
    "Description": "description",
    "KmsKeyId": "kms_key_id",
    "CreatedDate": "created_date",
    "LastChangedDate": "last_changed_date",
    "DeletedDate": "deleted_date",
    "ResourcePolicy": "policy",
    "CurrentVersionId": "default_version_id",
}
VERSION = {
    "VersionId": "version_id",
    "VersionStages": "version_stages",
    "CreatedDate": "createdate",
    "SecretString": "secret_string",
    "SecretBinary": "secret_binary",
}


def restore(folder: DataFolder) -> None:
    """Put all secrets back into moto.

    Raises:
        Unusable: A file is damaged.
    """
    for path, document in folder.read(SECRET, "CreatedDate"):
        with reading(path):
            _restore(document)


def save(folder: DataFolder) -> None:
    """Write the secrets of all accounts and regions that have changed."""
    documents = {
        Name(SECRET, f"{secret.account_id}/{secret.region}/{secret.name}"): _document(secret)
        for regions in list(secretsmanager_backends.values())
        for backend in list(regions.values())
        for secret in list(dict.values(backend.secrets))
        if isinstance(secret, FakeSecret)  # and no replica
    }
    folder.replace(KINDS, documents)


def _document(secret: FakeSecret) -> Document:
    return {
        "Name": secret.name,
        "Account": secret.account_id,
        "Region": secret.region,
        "Tags": secret.tags,
        **{member: getattr(secret, name) for member, name in ATTRIBUTES.items()},
        "Versions": [
            {member: version[name] for member, name in VERSION.items() if name in version}
            for version in list(secret.versions.values())
        ],
    }


def _restore(document: Document) -> None:
    secret = FakeSecret(
        document["Account"],
        document["Region"],
        document["Name"],
        secret_version={},
        version_id="",
        tags=document["Tags"],
    )
    for member, name in ATTRIBUTES.items():
        setattr(secret, name, document[member])
    versions: list[dict[str, Any]] = [
        {name: given[member] for member, name in VERSION.items() if member in given}
        for given in document["Versions"]
    ]
    secret.versions = {version["version_id"]: version for version in versions}
    backend = secretsmanager_backends[secret.account_id][secret.region]
    backend.secrets[secret.name] = secret
