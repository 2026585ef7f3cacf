"""The pages of the console: who is signed in and what they may do. Signing in itself is the SAML edge's business."""
