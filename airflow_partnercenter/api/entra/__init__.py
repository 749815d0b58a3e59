"""Sign-in at Microsoft Entra ID: credentials become access tokens, through MSAL."""
