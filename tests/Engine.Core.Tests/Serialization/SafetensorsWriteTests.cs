using Edifice.Engine.Serialization;

namespace Edifice.Engine.Tests.Serialization;

public sealed class SafetensorsWriteTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_write_that_fails_half_way_leaves_the_old_file_and_nothing_else()
    {
        StoredTensor.Write(_folder.At("model"), [new("w", DType.Float32, [4], 1)]);
        var old = File.ReadAllBytes(_folder.At("model"));
        // The wider type is written first: megabytes are in the new file when the second tensor fails.
        KeyValuePair<string, Tensor>[] tensors =
        [
            new("first", new StoredTensor("first", DType.Float64, [1 << 18], 2).Build()),
            new("second", new Tensor(new UnreadableStorage(16), Layout.Contiguous([4]), 0, DType.Float32)),
        ];

        var error = Assert.Throws<IOException>(() => SafetensorsFile.Write(_folder.At("model"), tensors));

        Assert.Equal(UnreadableStorage.Reason, error.Message);
        Assert.Equal(old, File.ReadAllBytes(_folder.At("model")));
        Assert.Equal(["model"], _folder.Names());
    }

    [Fact]
    public void A_first_write_that_fails_leaves_nothing()
    {
        KeyValuePair<string, Tensor>[] tensors = [new("w", new Tensor(new UnreadableStorage(16), Layout.Contiguous([4]), 0, DType.Float32))];

        Assert.Throws<IOException>(() => SafetensorsFile.Write(_folder.At("model"), tensors));

        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_target_that_cannot_be_replaced_leaves_no_temporary_file()
    {
        Directory.CreateDirectory(_folder.At("model"));

        Assert.ThrowsAny<Exception>(() => StoredTensor.Write(_folder.At("model"), [new("w", DType.Float32, [4], 1)]));

        Assert.Equal(["model"], _folder.Names());
    }

    [Fact]
    public void A_successful_write_replaces_the_old_file_and_leaves_no_temporary_one()
    {
        StoredTensor.Write(_folder.At("model"), [new("old", DType.Float64, [1000], 1)]);

        StoredTensor.Write(_folder.At("model"), [new("new", DType.Float32, [2], 2)]);

        Assert.Equal(["model"], _folder.Names());
        using var file = SafetensorsFile.Open(_folder.At("model"));
        Assert.Equal(["new"], file.Tensors.Keys);
    }

    [Fact]
    public void A_reader_keeps_the_content_of_a_file_replaced_behind_it()
    {
        if (OperatingSystem.IsWindows()) return; // There a mapped file cannot be replaced.
        var old = new StoredTensor("w", DType.Float32, [5000], 1);
        StoredTensor.Write(_folder.At("model"), [old]);
        using var file = SafetensorsFile.Open(_folder.At("model"));

        StoredTensor.Write(_folder.At("model"), [new("w", DType.Float32, [3], 2)]);

        using var tensor = file.Read("w");
        Assert.Equal(old.Bytes(), StoredTensor.BytesOf(tensor));
    }

    [Fact]
    public void A_path_without_a_folder_is_relative_to_the_current_one()
    {
        var name = $"edifice-{Guid.NewGuid():N}.safetensors";
        try
        {
            StoredTensor.Write(name, [new("w", DType.Float32, [4], 1)]);
            Assert.True(File.Exists(Path.Combine(Environment.CurrentDirectory, name)));
        }
        finally
        {
            File.Delete(name);
        }
    }

    public static TheoryData<string[], string> BadNames => new()
    {
        { ["w", "w"], "must not appear twice" },
        { ["__metadata__"], "kept for the file's metadata" },
    };

    [Theory]
    [MemberData(nameof(BadNames))]
    public void A_name_that_could_not_be_read_back_is_refused_before_anything_is_written(string[] names, string rule)
    {
        var error = Assert.Throws<SafetensorsException>(
            () => StoredTensor.Write(_folder.At("model"), names.Select(n => new StoredTensor(n, DType.Float32, [1], 1))));

        Assert.Contains(rule, error.Rule);
        Assert.Equal(names[0], error.Tensor);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void Text_that_is_not_Unicode_is_refused_before_anything_is_written()
    {
        var name = Assert.Throws<SafetensorsException>(() => StoredTensor.Write(_folder.At("m"), [new("half \ud800", DType.Float32, [1], 1)]));
        var value = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Write(_folder.At("m"), [], [new("k", "\udc00")]));

        Assert.Equal("half \ud800", name.Tensor);
        Assert.Contains("surrogate", name.Rule);
        Assert.Contains("surrogate", value.Rule);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_metadata_key_given_twice_is_refused()
    {
        var twice = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Write(_folder.At("m"), [], [new("k", "1"), new("k", "2")]));

        Assert.Contains("'k' must not appear twice", twice.Rule);
        Assert.Empty(_folder.Names());
    }

    /// <summary>Memory that fails when it is read, as a lost device would.</summary>
    private sealed class UnreadableStorage(long byteLength) : Storage(Device.Cpu, byteLength)
    {
        public const string Reason = "the device is gone";

        public override ref byte HostData => throw new IOException(Reason);

        public override bool IsUnique => true;

        public override void Retain() { }

        public override void Release() { }
    }
}
