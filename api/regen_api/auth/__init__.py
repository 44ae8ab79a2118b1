"""Who may ask: access tokens of an OpenID provider, a static key in development, and how often."""
