"""The rules, and the only door to storage. Knows no protocol: edges translate, provisioning carries out."""
