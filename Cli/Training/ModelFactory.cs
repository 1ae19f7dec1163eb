using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Cli.Training;

/// <summary>Builds the model a run trains: a language model for tasks token by token, a classifier for whole sequences.</summary>
internal static class ModelFactory
{
    /// <exception cref="TensorException">The block cannot do the task; the message names what it can do.</exception>
    public static TrainedModel Build(RunConfig config, ITask task)
    {
        if (task.Form == TaskForm.NextToken)
        {
            var text = BuildForText(config);
            return new TrainedModel(text, tokens => text.Logits(tokens));
        }

        var (block, positions) = BuildBlock(config);
        if (task.Form == TaskForm.WholeSequence)
        {
            var classifier = new SequenceClassifier(task.Vocabulary, task.Classes, block, positions);
            return new TrainedModel(classifier, tokens => classifier.Logits(tokens));
        }

        if (!block.KeepsPositions)
            throw new TensorException($"{config.Block} gives one vector for the whole sequence, so it cannot answer position by position: {Instead}");
        var model = new TaskModel(task, block, positions, config.ShortConvolution);
        return new TrainedModel(model, model.Logits);
    }

    /// <summary>A model of bytes, as a run on text trains it.</summary>
    /// <exception cref="TensorException">The block is not causal.</exception>
    public static LanguageModel BuildForText(RunConfig config)
    {
        var (block, positions) = BuildBlock(config);
        if (!block.IsCausal)
            throw new TensorException(
                $"{config.Block} sees the whole sequence, so it cannot predict text token by token: {Instead}" +
                (Blocks.Find(config.Block).Causality == Causality.ByOption ? ", or with --option causal=true" : ""));
        return new LanguageModel(TextFile.Bytes, block, positions: positions);
    }

    private const string Instead = "train it on a classification of whole sequences (--task majority or --task match)";

    private static (SequenceBlock Block, TokenPositions Positions) BuildBlock(RunConfig config)
    {
        Generator.Seeded(config.Seed);
        var block = Blocks.Build(config.Block, OptionBag.Parse(config.BlockOptions));
        // Blocks without a sense of order get one from the embedding.
        return (block, NeedsPositions(block) ? TokenPositions.Sinusoidal : TokenPositions.None);
    }

    private static bool NeedsPositions(SequenceBlock block)
    {
        var options = block.Options.ToOptions();
        return block.Options.Block is "multihead" or "gqa" or "perceiver" or "fnet" or "linear_transformer" or "performer" or "nystromformer" &&
            !options.Bool("rope", false) && options.Text("position", "none") == "none";
    }
}
