"""Every task the app offers, in the order the pages show them."""

from __future__ import annotations

from autotrain.task import Task
from autotrain.tasks.continued_pretraining import ContinuedPretraining
from autotrain.tasks.grpo import Grpo
from autotrain.tasks.masked_language_modeling import MaskedLanguageModeling
from autotrain.tasks.multi_label_classification import MultiLabelClassification
from autotrain.tasks.preference_tuning import PreferenceTuning
from autotrain.tasks.question_answering import QuestionAnswering
from autotrain.tasks.reranking import Reranking
from autotrain.tasks.reward_modeling import RewardModeling
from autotrain.tasks.sentence_embeddings import SentenceEmbeddings
from autotrain.tasks.supervised_fine_tuning import SupervisedFineTuning
from autotrain.tasks.text_classification import TextClassification
from autotrain.tasks.text_regression import TextRegression
from autotrain.tasks.text_to_text import TextToText
from autotrain.tasks.token_classification import TokenClassification

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        TextClassification(),
        MultiLabelClassification(),
        TextRegression(),
        TokenClassification(),
        QuestionAnswering(),
        MaskedLanguageModeling(),
        SentenceEmbeddings(),
        Reranking(),
        TextToText(),
        SupervisedFineTuning(),
        PreferenceTuning(),
        RewardModeling(),
        ContinuedPretraining(),
        Grpo(),
    )
}
