"""AutoTrain Studio: no-code fine-tuning."""
