"""Train one stacked LSTM: config -> dataset -> tokenizer -> batches -> embedding -> network -> scores -> report.

python train.py model.layers=3
python train.py sweep=depth
python train.py --help
"""

from pathlib import Path

from textlstm.data.batches import encode_splits
from textlstm.data.load import LoadedData, load_data
from textlstm.data.tokenizers.rows import train_tokenizer
from textlstm.diagnostics.matching import Matched, match_hidden_size
from textlstm.door import Prepared, entry
from textlstm.door.settings import TrainSettings
from textlstm.environment import write_environment
from textlstm.features import prepare_features
from textlstm.network import build_network, save_checkpoint, vocabulary_of
from textlstm.reports.explain import print_explanation
from textlstm.reports.report import build_report, describe_data, describe_training, finish_run
from textlstm.reports.study_report import finish_study
from textlstm.reports.terminal import open_console, print_next, print_report, print_start
from textlstm.training.fit import fit
from textlstm.training.imbalance import check_settings
from textlstm.training.machine import choose_device, prepare_machine, use_threads
from textlstm.training.scores import predict_last, predict_splits
from textlstm.training.thresholds import tune_thresholds


def prepare(settings: TrainSettings, data: LoadedData | None = None) -> Prepared:
    """What runs on the same data with the same words and vectors share: a study does this once."""
    data = data or load_data(settings.dataset)
    tokenizer = train_tokenizer(settings.tokenizer, data.splits["train"], *settings.embedding.words())
    texts = encode_splits(data.splits, tokenizer)
    table = settings.embedding.build(vocabulary_of(tokenizer), texts["train"].whole)
    vectors = None
    if not settings.run.explain:
        use_threads(settings.training.threads)
        texts, vectors = prepare_features(
            texts,
            table,
            trainable=settings.embedding.trainable,
            baseline=settings.run.baseline != "none",
            max_length=tokenizer.model_max_length,
            device=choose_device(settings.training.device),
            say=open_console().print,
        )
    return Prepared(data, tokenizer, texts, table, vectors)


def match(settings: TrainSettings, prepared: Prepared) -> Matched:
    """The hidden size for `model.match`: a study asks once for all seeds of a depth."""
    data, tokenizer, texts, table = prepared.parts
    return match_hidden_size(
        settings.model,
        settings.match,
        vocab_size=len(tokenizer),
        embedding_size=table.size,
        classes=len(data.label_names),
        texts=texts["train"],
        encoder=None if table.encoder is None else table.encoder.settings(settings.embedding.trainable),
    )


def train(settings: TrainSettings, prepared: Prepared, folder: Path) -> None:
    """One run, from its settings to its finished folder."""
    console = open_console()
    machine = prepare_machine(settings.training)
    data, tokenizer, texts, table = prepared.parts
    check_settings(settings.training, texts["train"].labels, len(data.label_names))
    model = build_network(
        settings.model,
        tokenizer,
        table,
        trainable=settings.embedding.trainable,
        label_names=data.label_names,
        seed=settings.run.seed,
        multi_label=data.multi_label,
    )
    if settings.run.explain:
        print_explanation(console, model, settings.config["training"])
        return
    facts = describe_data(data, texts, model, tokenizer, table)
    write_environment(folder, machine, data.fingerprint, tokenizer.get_vocab())
    print_start(console, folder, model, texts, facts)
    result = fit(
        model,
        tokenizer,
        texts,
        settings.training,
        machine=machine,
        folder=folder,
        seed=settings.run.seed,
        console=console,
    )
    logits = predict_splits(model, texts, machine.precision)
    tune_thresholds(model.config, logits["validation"], texts["validation"].labels)
    save_checkpoint(model, tokenizer, folder / "model")
    report = build_report(
        folder,
        config=settings.config,
        model=model,
        data=data,
        texts=texts,
        logits=logits,
        last_logits=predict_last(model, texts, machine.precision, result.last_weights),
        facts=facts,
        training=describe_training(result, machine),
        history=result.history,
        baseline=prepared.baseline(settings.run.baseline),
        encoder_baseline=prepared.encoder_baseline(settings.run.baseline),
    )
    finish_run(
        folder,
        report,
        logits["test"],
        texts["test"].labels,
        in_train=data.in_train,
        thresholds=model.config.thresholds,
    )
    print_report(console, report)
    print_next(console, folder)


main = entry(train, prepare=prepare, match=match, finish=finish_study, script=__file__, config_name="config")

if __name__ == "__main__":
    main()
