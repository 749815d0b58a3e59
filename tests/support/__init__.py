"""What tests share: a TLS server of exact bytes, and the documented answers with the rows they must become."""
