"""Detection: profiles of reference and requests, compared check by check; what counts is a finding."""
