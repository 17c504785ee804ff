"""TLS between the workers of one job: both sides present the job's own certificate and trust nothing else."""

import os
import ssl

from footplate_run.errors import ORDERS, CannotStart

CERTIFICATE = "tls.crt"
KEY = "tls.key"


class Keys:
    """The certificate and key of the job, as the Secret that is mounted at ``folder`` has them."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._der = b""

    def server(self) -> "ssl.SSLContext":
        return self._context(ssl.PROTOCOL_TLS_SERVER)

    def client(self) -> "ssl.SSLContext":
        return self._context(ssl.PROTOCOL_TLS_CLIENT)

    def _context(self, protocol: int) -> "ssl.SSLContext":
        """Raises CannotStart when the keys are not there or cannot be used."""
        context = ssl.SSLContext(protocol)
        if hasattr(context, "minimum_version"):  # Python 3.7
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        else:
            context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        context.check_hostname = False  # the certificate is the job's, whatever the name of the worker
        context.verify_mode = ssl.CERT_REQUIRED
        certificate = os.path.join(self._folder, CERTIFICATE)
        try:
            with open(certificate) as file:
                self._der = ssl.PEM_cert_to_DER_cert(file.read())
            context.load_verify_locations(certificate)
            context.load_cert_chain(certificate, os.path.join(self._folder, KEY))
        except (OSError, ValueError) as problem:
            raise CannotStart(
                ORDERS,
                "the job's key and certificate in {} cannot be used ({}): "
                "they come from the Secret that the operator makes for the job".format(self._folder, problem),
            ) from None
        return context

    def are_of(self, peer: "ssl.SSLSocket") -> bool:
        """Whether the peer has presented this very certificate."""
        return peer.getpeercert(binary_form=True) == self._der
