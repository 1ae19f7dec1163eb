using Edifice.Engine;
using Edifice.Engine.Serialization;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

public class TrainingCheckpointTests
{
    private const ulong Seed = 20;

    [Theory]
    [MemberData(nameof(OptimizerTests.Names), MemberType = typeof(OptimizerTests))]
    public void Ten_steps_a_checkpoint_and_ten_steps_are_twenty_steps_bit_for_bit(string name)
    {
        using var folder = new TemporaryFolder();
        Generator.Seeded(Seed);
        var whole = new Run(1, name);
        whole.Steps(20);

        Generator.Seeded(Seed);
        var before = new Run(1, name);
        before.Steps(10);
        before.Checkpoint.Notes["why"] = "half time";
        before.Checkpoint.Save(folder.At("run.safetensors"));

        // Whatever the process did in between, in another model and another stream, must not matter.
        Generator.Seeded(999);
        var after = new Run(2, name);
        after.Steps(3);
        after.Checkpoint.Load(folder.At("run.safetensors"));
        Assert.Equal(10, after.Checkpoint.Step);
        Assert.Equal("half time", after.Checkpoint.Notes["why"]);
        after.Steps(10);

        Agreement.Bits(whole.Model.StateDict(), after.Model.StateDict());
        Agreement.Bits(whole.Optimizer.StateDict().Tensors, after.Optimizer.StateDict().Tensors);
        Agreement.Bits(whole.Average.StateDict(), after.Average.StateDict());
        Assert.Equal(whole.Optimizer.StateDict().Rules, after.Optimizer.StateDict().Rules);
        Assert.Equal(Generator.Current.Save(), whole.EndOfStream);
        Assert.Equal(whole.Data.Save(), after.Data.Save());
        Assert.Equal(20, after.Checkpoint.Step);
    }

    [Fact]
    public void The_model_of_a_checkpoint_is_the_average_where_the_run_keeps_one_and_the_weights_elsewhere()
    {
        using var folder = new TemporaryFolder();
        Generator.Seeded(Seed);
        var run = new Run(1, "adam");
        run.Steps(3);
        run.Checkpoint.Save(folder.At("averaged"));
        new TrainingCheckpoint(run.Model).Save(folder.At("plain"));
        var read = new SmallModel(2, dropout: 0.3);
        TrainingCheckpoint.LoadModel(read, folder.At("plain"));
        Agreement.Bits(run.Model.StateDict(), read.StateDict());
        TrainingCheckpoint.LoadModel(read, folder.At("averaged"));
        using (run.Average.Apply()) Agreement.Bits(run.Model.StateDict(), read.StateDict());
        Assert.NotEqual(run.Model.StateDict()["head.weight"].ToArray<float>(), read.StateDict()["head.weight"].ToArray<float>());
    }

    [Fact]
    public void A_checkpoint_of_one_state_is_the_same_file_every_time()
    {
        using var folder = new TemporaryFolder();
        Generator.Seeded(Seed);
        var run = new Run(1, "adam");
        run.Steps(2);
        run.Checkpoint.Save(folder.At("a"));
        run.Checkpoint.Save(folder.At("b"));
        Assert.Equal(File.ReadAllBytes(folder.At("a")), File.ReadAllBytes(folder.At("b")));
    }

    [Fact]
    public void A_save_that_fails_leaves_the_last_checkpoint()
    {
        using var folder = new TemporaryFolder();
        Generator.Seeded(Seed);
        var run = new Run(1, "adam");
        run.Checkpoint.Save(folder.At("run"));
        var before = File.ReadAllBytes(folder.At("run"));
        run.Steps(1);
        run.Checkpoint.Notes["broken"] = "\ud800";
        Assert.Throws<SafetensorsException>(() => run.Checkpoint.Save(folder.At("run")));
        Assert.Equal(before, File.ReadAllBytes(folder.At("run")));
        Assert.Equal(["run"], folder.Names());
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused_and_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        Generator.Seeded(Seed);
        var run = new Run(1, "adam");
        run.Steps(1);
        run.Checkpoint.Save(folder.At("run"));
        var bytes = File.ReadAllBytes(folder.At("run"));
        run.Steps(1);
        var state = Agreement.Snapshot(run.Model.StateDict());
        foreach (var length in new[] { 0, 7, 8, 100, bytes.Length / 2, bytes.Length - 1 })
        {
            File.WriteAllBytes(folder.At("cut"), bytes[..length]);
            Assert.ThrowsAny<TensorException>(() => run.Checkpoint.Load(folder.At("cut")));
        }

        Agreement.Bits(state, run.Model.StateDict());
        Assert.Equal(2, run.Checkpoint.Step);
    }

    [Fact]
    public void A_checkpoint_of_another_run_is_refused_and_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        Generator.Seeded(Seed);
        var saved = new Run(1, "adam");
        saved.Steps(2);
        saved.Checkpoint.Save(folder.At("run"));
        var here = new Run(2, "adam");
        here.Steps(1);
        var state = Agreement.Snapshot(here.Model.StateDict());
        var stream = Generator.Current.Save();
        void Refused(TrainingCheckpoint checkpoint, string hint) =>
            Assert.Contains(hint, Assert.ThrowsAny<TensorException>(() => checkpoint.Load(folder.At("run"))).Message, StringComparison.Ordinal);

        Refused(new TrainingCheckpoint(here.Model, here.Optimizer), "has an average, this run has none");
        Refused(new TrainingCheckpoint(here.Model, null, here.Average), "has an optimizer, this run has none");
        Refused(new TrainingCheckpoint(here.Model, new Optimizer(here.Model, new Lion()), here.Average), "by adam, this optimizer's by lion");
        Refused(new TrainingCheckpoint(new SmallModel(1, DType.Float64), here.Optimizer, here.Average), "different");
        Refused(new TrainingCheckpoint(new SmallModel(1, width: 16), here.Optimizer, here.Average), "different");
        var more = new TrainingCheckpoint(here.Model, here.Optimizer, here.Average);
        more.Generators.Add("other", new Generator(1));
        Refused(more, "no random stream 'other': it has current, data");
        here.Model.Save(folder.At("run"));
        Refused(here.Checkpoint, "not a training checkpoint");
        Agreement.Bits(state, here.Model.StateDict());
        Assert.Equal(stream, Generator.Current.Save());
    }

    /// <summary>A model with dropout under an optimizer, a schedule, clipping and an average, on data from a stream.</summary>
    private sealed class Run
    {
        private readonly LearningRateSchedule _schedule;

        public Run(ulong seed, string rule)
        {
            Model = new SmallModel(seed, dropout: 0.3);
            Optimizer = new Optimizer(Model, OptimizerTests.Rules[rule]);
            Average = new ExponentialMovingAverage(Model, 0.9, warmup: true);
            Data = new Generator(seed);
            _schedule = new CosineSchedule(OptimizerTests.Rules[rule].LearningRate, 20, 3);
            Checkpoint = new TrainingCheckpoint(Model, Optimizer, Average);
            Checkpoint.Generators.Add("data", Data);
        }

        public SmallModel Model { get; }

        public Optimizer Optimizer { get; }

        public ExponentialMovingAverage Average { get; }

        public Generator Data { get; }

        public TrainingCheckpoint Checkpoint { get; }

        public RandomState EndOfStream { get; private set; }

        public void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = Tensor.Scope();
                Optimizer.SetLearningRate(_schedule.At(Checkpoint.Step));
                Optimizer.ZeroGrad();
                Model.Loss(Data.NextInt(1000)).Backward();
                Optimizer.StepClipped(1);
                Average.Update();
                Checkpoint.Step++;
            }

            EndOfStream = Generator.Current.Save();
        }
    }
}
