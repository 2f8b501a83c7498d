"""The Hugging Face Hub: account, search, model card, publishing. The only room that talks to it."""
