using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Training;

/// <summary>Builds the model a run trains: a language model for tasks token by token, a classifier for whole sequences.</summary>
internal static class ModelFactory
{
    /// <exception cref="TensorException">The block cannot do the task; the message names what it can do.</exception>
    public static TrainedModel Build(RunConfig config, ITask task)
    {
        Generator.Seeded(config.Seed);
        if (task.Form == TaskForm.NextToken)
        {
            var text = TextModel.Build(config.Block, OptionBag.Parse(config.BlockOptions));
            return new TrainedModel(text, tokens => text.Logits(tokens));
        }

        var block = Blocks.Build(config.Block, OptionBag.Parse(config.BlockOptions));
        var positions = TextModel.PositionsFor(block);
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

    private const string Instead = "train it on a classification of whole sequences (--task majority or --task match)";
}
